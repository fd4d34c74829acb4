"""How gunicorn serves: threads, because a listener may be slow and a voice takes seconds."""

import os
import signal
from typing import Any

os.environ["LIFEREVIEW_PROCESS"] = "web"  # before the settings are read: they give the web its pool

from lifereview import settings

bind = (
    f"{settings.HOST}:{settings.PORT}" if ":" not in settings.HOST else f"[{settings.HOST}]:{settings.PORT}"
)
workers = settings.WEB_WORKERS
worker_class = "gthread"
threads = settings.WEB_THREADS
worker_connections = 1000
backlog = 2048
keepalive = 15
timeout = 60  # a worker that does not answer its master for so long is replaced
graceful_timeout = 7  # the supervisor allows 10 s in all
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    """When the worker is asked to end, what it records is ended as well: or else it would wait for that in
    vain, be killed, and its last requests would not be counted."""
    from ttscache import housekeeping
    from ttscache.connections import start_thread

    asked_to_exit: Any = signal.getsignal(signal.SIGTERM)

    def exit_soon(number: int, frame: Any) -> None:
        asked_to_exit(number, frame)
        start_thread(housekeeping.stop_housekeeping, name="stopping")

    signal.signal(signal.SIGTERM, exit_soon)


def worker_exit(server: Any, worker: Any) -> None:
    """Write what was counted since."""
    from ttscache import housekeeping

    housekeeping.stop_housekeeping()
