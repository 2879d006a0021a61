"""The exit statuses by which a process tells its supervisor what happened, after sysexits.h."""

EXIT_DEVICE_FAILED = 71
"""EX_OSERR: the device failed, as `workers.runtime.device_failure` ends a worker: a new process may
have better luck."""

EXIT_CONFIGURATION = 78
"""EX_CONFIG: a restart does not mend the fault."""
