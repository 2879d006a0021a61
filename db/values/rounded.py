"""Numbers that their spelling and floating point do not give the same value."""


class RoundedFloat(float):
    """A whole float that was rounded when it was read: its text said another number."""
