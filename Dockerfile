# One image for every Python process of the platform. docker-compose.yml starts each service from it.
# The two base images are arguments, so that a host without a registry can name its own.
ARG PYTHON_IMAGE=python:3.11-slim
ARG NODE_IMAGE=node:22-slim

# The dashboard: only its built files travel on.
FROM ${NODE_IMAGE} AS frontend
WORKDIR /build
COPY visualization/frontend/package.json visualization/frontend/package-lock.json visualization/frontend/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY visualization/frontend/ ./
RUN npm run build

# The libraries, by hash and from wheels only: nothing is compiled, and pip stays behind.
FROM ${PYTHON_IMAGE} AS libraries
RUN python3 -m venv --without-pip /opt/venv
COPY requirements.lock /tmp/requirements.lock
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip --python /opt/venv/bin/python --disable-pip-version-check install \
        --require-hashes --only-binary :all: --root-user-action ignore -r /tmp/requirements.lock \
 && find /opt/venv/lib -type d \( -path '*/pyarrow/include' -o -path '*/site-packages/*/tests' \) -prune -exec rm -rf {} +

# The source, readable by any user whatever the umask of the clone was, with its bytecode.
FROM ${PYTHON_IMAGE} AS source
COPY . /app
COPY --from=frontend /build/dist /app/visualization/frontend/dist
RUN install -m 755 /app/deploy/docker/roottrading /usr/local/bin/roottrading \
 && chmod -R u=rwX,go=rX /app && python3 -m compileall -q /app

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="RootTrading" \
      org.opencontainers.image.description="Self-hosted, automated trading on Binance SPOT" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /tmp roottrading \
 && install -d -o roottrading -g roottrading -m 750 /run/roottrading /var/lib/roottrading
# glibc keeps an arena of memory for each thread, and what was freed for later; a service has few threads that allocate
# much, and needs most while it starts.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=131072
COPY --from=libraries /opt/venv /opt/venv
COPY --from=source /usr/local/bin/roottrading /usr/local/bin/roottrading
COPY --from=source /app /app
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/venv/bin/python", "-I", "-S", "/app/deploy/docker/healthcheck.py"]
ENTRYPOINT ["/opt/venv/bin/python", "/app/deploy/docker/entrypoint.py"]
CMD ["roottrading", "--help"]
