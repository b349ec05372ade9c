# Crucible with its environment inside; docs/cloud.md says how it is built and started.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /crucible
# The environment depends on these alone, so a change of the program does not install it anew.
COPY requirements.txt ./
COPY kohya_gui/__init__.py kohya_gui/
COPY kohya_gui/environment kohya_gui/environment
# Which PyTorch: …/whl/cpu, or …/whl/cu130 for NVIDIA cards, whose driver stays outside. See docs/install.md.
ARG CRUCIBLE_TORCH_INDEX=https://download.pytorch.org/whl/cpu
# A nearer index for all other packages.
ARG PIP_INDEX_URL
RUN PIP_NO_CACHE_DIR=1 python3 -m kohya_gui.environment
COPY . .

# Settings, presets, runs and caches; pictures and models are best kept there too.
ENV CRUCIBLE_HOME=/data/crucible HOME=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 7860
ENTRYPOINT ["./gui.sh"]
CMD ["--headless", "--listen", "0.0.0.0", "--server_port", "7860"]
