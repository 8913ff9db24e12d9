# The control plane's image, as manifests/controlplane wants it: docker build -t llm-controlplane:0.1.0 .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY tools/constraints.txt tools/hatch_build.py tools/
COPY tools/web/.npmrc tools/web/package.json tools/web/package-lock.json tools/web/
COPY controlplane controlplane
RUN python -m venv /opt/controlplane && \
    /opt/controlplane/bin/pip install --no-cache-dir --constraint tools/constraints.txt ".[postgres]"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/controlplane /opt/controlplane
ENV PATH=/opt/controlplane/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["controlplane"]
