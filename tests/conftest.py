"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# A slow or busy machine is no failure: no test asserts a time.
settings.register_profile(
    "suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
