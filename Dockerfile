# The site in a container: web server and task cluster, as a user without rights, with a root that may be read-only.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" --tag lifereview .
#   docker run --read-only --publish 127.0.0.1:8000:8000 --volume lifereview:/var/lib/lifereview lifereview
#
# With PostgreSQL, Valkey and nginx: compose.yaml. How: docs/container.md.

FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/lifereview/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin \
    HOST=0.0.0.0 \
    PORT=8000 \
    VAR_DIR=/var/lib/lifereview

WORKDIR /srv/lifereview

# The packages first: they change more rarely than the code, so a build finds them in its cache.
COPY requirements.txt ./
RUN python3 -m venv /opt/lifereview \
    && /opt/lifereview/bin/pip install --no-cache-dir --disable-pip-version-check --quiet -r requirements.txt

COPY manage.py ./
COPY lifereview ./lifereview/
COPY narratives ./narratives/
COPY templates ./templates/
COPY ttscache ./ttscache/
ARG COMMIT=""
RUN if [ -n "$COMMIT" ]; then echo "$COMMIT" > COMMIT; fi; python -m compileall -q -j 0 .

RUN groupadd --system --gid 10001 lifereview \
    && useradd --system --uid 10001 --gid lifereview --home-dir /var/lib/lifereview --no-create-home lifereview \
    && install -d -o lifereview -g lifereview -m 750 /var/lib/lifereview

USER 10001:10001
VOLUME ["/var/lib/lifereview"]
EXPOSE 8000
STOPSIGNAL SIGTERM
# The first start migrates and prepares static files, which takes a while on a slow machine.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/api/health', timeout=4)"]
CMD ["python", "manage.py", "serve"]
