ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
# Bytecode is compiled once, here, into a place of its own: the running container is read-only, and
# official Python images carry none for the standard library.
ENV PYTHONPYCACHEPREFIX=/pycache
COPY requirements.lock .
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install \
      --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore \
      --require-hashes --requirement requirements.lock
# What a server never reads: all of Plotly but the page's script, NumPy's way to Fortran, packages' own tests.
RUN cd /venv/lib/python3*/site-packages \
 && find plotly _plotly_utils -type f ! -path plotly/__init__.py ! -path plotly/package_data/plotly.min.js -delete \
 && rm -rf /venv/share/jupyter numpy/f2py \
 && rm -rf sqlalchemy/testing alembic/testing mako/testing \
 && find . -type d -name tests -prune -exec rm -rf {} +
COPY app /shallows/app
COPY nncore /shallows/nncore
RUN /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      -x '/(plotly|test|idlelib|lib2to3|ensurepip|site-packages/pip|dist-packages)/' \
      /shallows /venv "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

FROM ${BASE_IMAGE}
ENV PATH=/venv/bin:$PATH \
    PYTHONPYCACHEPREFIX=/pycache PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 PORT=8000 SHALLOWS_DATA_FOLDER=/data
COPY --from=build /venv /venv
COPY --from=build /pycache /pycache
WORKDIR /shallows
COPY LICENSE ./
COPY templates templates
COPY static static
COPY lessons lessons
COPY docs/*.md docs/
COPY docs/decisions docs/decisions
COPY docs/images/class-*.png docs/images/
COPY --from=build /shallows ./
# A volume takes its owner from here.
RUN install -d -o 10001 -g 10001 -m 700 /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
# What says what it is: `docker inspect`, a registry's page, and whoever scans images. A release tells the last two.
ARG VERSION=0.2.0
ARG SOURCE=
ARG REVISION=
LABEL org.opencontainers.image.title="Shallows" \
      org.opencontainers.image.description="A live playground where a class trains small neural networks in the browser and sees why they learn" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}"
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as http; http.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
# So that options follow the image's name, and `check`.
ENTRYPOINT ["python", "-m", "app"]
