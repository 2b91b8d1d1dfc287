"""What all tests share."""

from hypothesis import HealthCheck, settings

# Two cores may be shared with whole servers under test: how long one example takes says nothing.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
