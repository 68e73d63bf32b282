#!/bin/bash
# Trains a task's network on several nodes; goes on by itself after a time limit, a pre-emption or a lost node.
#   sbatch --nodes=2 --gres=gpu:4 --ntasks-per-node=4 configs/slurm/fit.sh configs/task/normal.yaml [more words of fit]
# One task per GPU, as many per node as --gres has. Options above win over those below.
#SBATCH --job-name=fit
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=fit-%j.log
# Two minutes before the end every rank is told to save; the first then has the job requeued.
#SBATCH --signal=USR1@120
set -uo pipefail
# The step below is told, too; this script has to live until it has saved.
trap : TERM USR1
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
# Put here what sets up a node: module load cuda; source .venv/bin/activate
# A rank that dies takes the others with it: what they wait for would never come. They get some seconds to end by
# themselves first, so that the status is that of an error where all have met one.
srun --kill-on-bad-exit=0 --wait=20 "${PYTHON:-python}" -m lightning_taskonomy fit --config "$1" "${@:2}" \
    --trainer.num_nodes "$SLURM_NNODES" --trainer.devices "$SLURM_NTASKS_PER_NODE" --trainer.strategy ddp
status=$?
failures=".fit-$SLURM_JOB_ID.failures"
# 75: saved, and requeued unless it was cancelled; 2: what the log says is to be put right first.
case $status in
    75) exit $status ;;
    0|2) rm -f "$failures"; exit $status ;;
esac
# Put back into the queue already, by the fit or by SLURM, or cancelled: there is nothing to decide. Requeueing
# ends the step, and cancelling does: the status may be any. A busy controller is asked again.
for pause in 2 5 10 0; do
    job=$(scontrol show job "$SLURM_JOB_ID") && break
    sleep $pause
done
[[ $job == *"Restarts=${SLURM_RESTART_COUNT:-0} "* ]] || exit $status
[[ $job =~ JobState=(RUNNING|SIGNALING)\  || $job == *"Reason=TimeLimit "* ]] || exit $status
# USR1 or TERM before the fit had begun to listen, while modules were imported: no failure.
case $status in
    138|143)
        echo "fit was told to stop before it had begun: requeued"
        scontrol requeue "$SLURM_JOB_ID"
        exit $status ;;
esac
# Go on from the last checkpoint, up to three times; counted in a file, as good requeues count for nothing.
echo "$status" >> "$failures"
failed=$(wc -l < "$failures")
if [ "$failed" -le 3 ]; then
    echo "fit ended with status $status: requeued, to go on from its last checkpoint (restart $failed of 3)"
    scontrol requeue "$SLURM_JOB_ID"
else
    echo "fit ended with status $status after 3 restarts: see above why, then submit it again to go on"
    rm -f "$failures"
fi
exit $status
