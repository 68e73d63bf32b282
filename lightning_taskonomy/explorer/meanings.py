"""What the measures mean, in a sentence each."""

MEANINGS = {
    "gain": "Gain: the share of test images on which the transfer has a lower loss than a network trained "
    "from scratch on the same few labels.",
    "quality": "Quality: the share of test images on which the transfer has a lower loss than the target's "
    "own network, trained fully on all its labels.",
}
PARITY = "Both go from 0 to 1; at 0.5 the two are on a par."
