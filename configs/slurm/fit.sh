#!/bin/bash
# Trains a task's network on several nodes; resumes by itself after a time limit, a pre-emption or a lost node.
#   sbatch --nodes=2 --gres=gpu:4 --ntasks-per-node=4 configs/slurm/fit.sh configs/task/normal.yaml [more options of fit]
# One SLURM task per GPU, as many per node as in --gres. Options of sbatch override those below.
#SBATCH --job-name=fit
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=fit-%j.log
# Two minutes before the time limit every rank gets the signal to save; the first rank then requeues the job.
#SBATCH --signal=USR1@120
set -uo pipefail
# The step below gets the signal as well; this script has to live until the step has saved.
trap : TERM USR1
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
# Set up the node here: module load cuda; source .venv/bin/activate
# If a rank dies, the others are ended, since they would wait for it forever. They first get some seconds to exit
# by themselves, so that the status is that of the error if all ranks met the same one.
srun --kill-on-bad-exit=0 --wait=20 "${PYTHON:-python}" -m lightning_taskonomy fit --config "$1" "${@:2}" \
    --trainer.num_nodes "$SLURM_NNODES" --trainer.devices "$SLURM_NTASKS_PER_NODE" --trainer.strategy ddp
status=$?
failures=".fit-$SLURM_JOB_ID.failures"
# 75: saved, and requeued unless cancelled; 2: bad input, named in the log, which has to be corrected first.
case $status in
    75) exit $status ;;
    0|2) rm -f "$failures"; exit $status ;;
esac
# Requeued already, by the fit or by SLURM, or cancelled: nothing to decide. Both end the step, so the status can be
# anything. A busy controller is asked again.
for pause in 2 5 10 0; do
    job=$(scontrol show job "$SLURM_JOB_ID") && break
    sleep $pause
done
[[ $job == *"Restarts=${SLURM_RESTART_COUNT:-0} "* ]] || exit $status
[[ $job =~ JobState=(RUNNING|SIGNALING)\  || $job == *"Reason=TimeLimit "* ]] || exit $status
# USR1 or TERM before the fit installed its handlers, while modules were imported: not a failure.
case $status in
    138|143)
        echo "fit was stopped before it started: requeued"
        scontrol requeue "$SLURM_JOB_ID"
        exit $status ;;
esac
# Resume from the last checkpoint, up to three times; counted in a file, as requeues without failure do not count.
echo "$status" >> "$failures"
failed=$(wc -l < "$failures")
if [ "$failed" -le 3 ]; then
    echo "fit ended with status $status: requeued, to resume from its last checkpoint (restart $failed of 3)"
    scontrol requeue "$SLURM_JOB_ID"
else
    echo "fit ended with status $status after 3 restarts: see the error above, then submit it again to resume"
    rm -f "$failures"
fi
exit $status
