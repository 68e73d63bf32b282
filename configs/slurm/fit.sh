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
# 75: saved and requeued; 2: what the log says is to be put right first. After anything else, go on from the
# last checkpoint, up to three times.
case $status in 0|2|75) exit $status ;; esac
restarts=${SLURM_RESTART_COUNT:-0}
if [ "$restarts" -lt 3 ]; then
    echo "fit ended with status $status: requeued, to go on from its last checkpoint (restart $((restarts + 1)) of 3)"
    scontrol requeue "$SLURM_JOB_ID"
else
    echo "fit ended with status $status after $restarts restarts: see above why, then submit it again to go on"
fi
exit $status
