# One file for every service: `docker build --build-arg SERVICE=imaging -t ai-studio/imaging .`
# The stand-ins of the vendors: `docker build --target vendors -t ai-studio/vendors .`
ARG PYTHON=3.11-slim-trixie

FROM python:${PYTHON} AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/packages/bin:$PATH
# Debian removes a version the day it has a fix, so a pinned one stops building.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner 10001 --group 10001 /scratch
WORKDIR /app
COPY deploy/image/ready /usr/local/bin/ready
COPY deploy/image/run /usr/local/bin/run

FROM base AS service-packages
COPY requirements/services.txt /tmp/services.txt
RUN python -m venv /opt/packages \
    && /opt/packages/bin/pip install --no-cache-dir --require-hashes --no-deps -r /tmp/services.txt

FROM base AS vendor-packages
COPY requirements/product.txt /tmp/product.txt
RUN python -m venv /opt/packages \
    && /opt/packages/bin/pip install --no-cache-dir --require-hashes --no-deps -r /tmp/product.txt

FROM base AS vendors
COPY --from=vendor-packages /opt/packages /opt/packages
COPY contracts contracts
COPY chassis chassis
COPY local local
RUN install --directory --owner 10001 --group 10001 /state
USER 10001:10001
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "local.vendors"]

FROM base AS service
ARG SERVICE
# Without a name the copy below would take every service.
# hadolint ignore=DL3008
RUN test -n "${SERVICE}" \
    && if [ "${SERVICE}" = video ]; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends ffmpeg \
        && rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=service-packages /opt/packages /opt/packages
COPY contracts contracts
COPY chassis chassis
COPY services/__init__.py services/__init__.py
COPY services/${SERVICE} services/${SERVICE}
RUN python -m compileall -q contracts chassis services
ENV SERVICE=${SERVICE}
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["tini", "--", "run"]
CMD ["app"]
