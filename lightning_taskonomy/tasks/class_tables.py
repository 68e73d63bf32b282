"""The classes that tasks keep from their label files: 63 scenes of Places-365, 100 objects of ImageNet."""

SCENES_IN_FILES = 365
_SCENES = {
    3: "alcove", 23: "assembly_line", 25: "atrium/public", 26: "attic", 28: "auto_factory", 37: "bank_vault",
    43: "basement", 45: "bathroom", 51: "bedchamber", 52: "bedroom", 56: "biology_laboratory",
    61: "booth/indoor", 63: "bow_window/indoor", 88: "chemistry_lab", 89: "childs_room", 93: "clean_room",
    95: "closet", 100: "computer_room", 102: "conference_room", 106: "corridor", 121: "dining_room",
    124: "dorm_room", 126: "dressing_room", 129: "elevator/door", 131: "elevator_shaft", 133: "engine_room",
    135: "escalator/indoor", 156: "garage/indoor", 165: "greenhouse/indoor", 176: "home_office",
    177: "home_theater", 179: "hospital_room", 182: "hotel_room", 203: "kitchen", 208: "laundromat",
    215: "living_room", 217: "lobby", 228: "mezzanine", 240: "nursery", 241: "nursing_home", 244: "office",
    246: "office_cubicles", 248: "operating_room", 253: "pantry", 255: "parking_garage/indoor",
    264: "physics_laboratory", 269: "playroom", 280: "reception", 281: "recreation_room", 282: "repair_shop",
    285: "restaurant_kitchen", 298: "server_room", 303: "shower", 311: "stable", 317: "staircase",
    318: "storage_room", 328: "television_room", 332: "ticket_booth", 343: "utility_room",
    346: "veterinarians_office", 352: "waiting_room", 358: "wet_bar", 363: "youth_hostel",
}  # fmt: skip
"""Index in a file of 365 probabilities, and name in Places-365, where a slash precedes the variant."""

SCENE_PLACES = tuple(_SCENES)
"""Indices of the 63 outputs of `class_scene` in a file of 365."""
SCENE_CLASSES = tuple(_SCENES.values())
"""Their names."""

SELECTED_OBJECTS = (
    401, 402, 409, 412, 414, 430, 431, 435, 453, 462, 463, 470, 478, 487, 488, 492, 495, 504, 505, 508, 519,
    520, 521, 526, 527, 528, 530, 532, 533, 534, 539, 545, 546, 548, 550, 553, 559, 564, 579, 588, 598, 606,
    619, 620, 632, 648, 651, 662, 664, 673, 681, 700, 706, 711, 713, 716, 721, 728, 729, 733, 736, 737, 738,
    742, 748, 750, 752, 753, 754, 760, 761, 765, 770, 773, 778, 794, 799, 804, 805, 809, 825, 827, 831, 844,
    846, 849, 851, 859, 861, 882, 883, 892, 894, 897, 904, 905, 907, 923, 968, 999,
)  # fmt: skip
"""Indices of the 100 outputs of `class_selected` among ImageNet's 1,000 classes."""
