"""The meaning of each measure in one sentence."""

MEANINGS = {
    "gain": "Gain: the fraction of test images on which the transfer has a lower loss than a network trained "
    "from scratch on the same few labels.",
    "quality": "Quality: the fraction of test images on which the transfer has a lower loss than the "
    "target's own network, trained fully on all its labels.",
}
PARITY = "Both range from 0 to 1; 0.5 is parity."
