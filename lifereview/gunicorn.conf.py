"""Settings of gunicorn. It uses threads, because listeners may be slow and a voice takes seconds."""

import os
import signal
from typing import Any

os.environ["LIFEREVIEW_PROCESS"] = "web"  # set before the settings are read: they give the web its pool

from lifereview import settings
from lifereview.private_files import UMASK, tighten, write_privately
from lifereview.server.listening import bind_address, open_socket_file
from lifereview.server.server_errors import answer_server_errors_in_json
from lifereview.temporary_files import folder_in_memory, use_own_temporary_folder
from ttscache.heap import limit_heaps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lifereview.settings")
# gunicorn would answer 500 to a request without this path; lifereview/middleware/sub_path.py serves both.
os.environ.pop("SCRIPT_NAME", None)
limit_heaps()
write_privately()
use_own_temporary_folder()
tighten(settings.VAR_DIR, settings.TTSCACHE["files_dir"])
answer_server_errors_in_json()

bind = bind_address()
# gunicorn believes the same header of the same proxies as lifereview.middleware.trusted_proxies.
forwarded_allow_ips = ",".join(settings.TRUSTED_PROXIES)
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
workers = settings.WEB_WORKERS
worker_class = "lifereview.server.slow_clients.HeadFirstWorker"  # gunicorn's gthread, for slow clients
threads = settings.WEB_THREADS
worker_connections = 1000
backlog = 2048
keepalive = 15
sendfile = False  # it would take no part in those limits
umask = UMASK  # for a socket file
timeout = 60  # a worker that does not answer its master for this long is replaced
graceful_timeout = 7  # the supervisor allows 10 s in total
# In memory: gunicorn's heartbeat file on a slow disk would block the worker.
worker_tmp_dir = folder_in_memory()
control_socket_disable = True
accesslog = None
logger_class = "lifereview.server.server_log.ErrorsOnlyLogger"
errorlog = "-"
loglevel = "warning"
logconfig_dict = settings.LOGGING  # its lines look like ours


def when_ready(server: Any) -> None:
    """Make a socket file usable for the proxy, whatever the umask is."""
    open_socket_file()


def post_worker_init(worker: Any) -> None:
    """Make SIGTERM also stop the housekeeping, which ends unfinished recordings.

    Otherwise the worker would wait for them until it is killed, and its last requests would not be counted.
    """
    from ttscache import housekeeping
    from ttscache.connections import start_thread

    asked_to_exit: Any = signal.getsignal(signal.SIGTERM)

    def exit_soon(number: int, frame: Any) -> None:
        asked_to_exit(number, frame)
        start_thread(housekeeping.stop_housekeeping, name="stopping")

    signal.signal(signal.SIGTERM, exit_soon)


def worker_exit(server: Any, worker: Any) -> None:
    """Write the last counts."""
    from ttscache import housekeeping

    housekeeping.stop_housekeeping()
