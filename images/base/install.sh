#!/bin/sh
# Installs a lock into /opt/venv: nothing that it doesn't name, nothing whose hash differs. Drops what no image needs
# to run, and compiles the rest, since a pod can't write. The installer isn't left behind.
set -eu
PATH=/usr/local/bin:/usr/bin:/bin
lock=$1
packages=$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cache=/var/cache/molino # A cache mount, where the builder has such.

python3 -m venv /tmp/uv
PIP_CACHE_DIR=$cache/pip /tmp/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes \
  --requirement /usr/local/share/molino/requirements-uv.txt
# uv trusts what the image trusts.
UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy UV_CACHE_DIR=$cache/uv /tmp/uv/bin/uv pip install --quiet \
  --python /opt/venv/bin/python --no-deps --require-hashes --requirement "$lock"
rm -rf /tmp/uv "$lock"

cd "$packages"
# Tests, examples, and what only compilers, type checkers and debuggers read.
find . -depth -type d \( -name tests -o -name SelfTest -o -name example_dags -o -name include \) -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \
  -o -name '*.c' -o -name '*.cpp' -o -name '*.cc' -o -name '*.js.map' -o -name '*.css.map' \) -delete
# What makers of models, of extensions and of other languages' programs use: Python's module of ONNX Runtime is whole
# without the shared library. Kubernetes' client is there a second time, for asyncio.
rm -rf onnxruntime/transformers onnxruntime/tools onnxruntime/quantization onnxruntime/datasets \
  onnxruntime/capi/libonnxruntime.so.* kubernetes/aio
# Molino speaks English.
if [ -d babel/locale-data ]; then find babel/locale-data -name '*.dat' ! -name 'en*' ! -name root.dat -delete; fi
# Some packages carry files for another Python, which this one can't compile.
python3 -m compileall -qq -j 0 "$packages" || true
