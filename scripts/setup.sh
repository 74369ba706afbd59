#!/bin/sh
# Makes .venv with everything in requirements.lock and the `studio` command in it.
# Needs: sh, Python 3 of any version to get uv, and an existing or downloadable Python 3.12/3.13.
set -eu
cd "$(dirname "$0")/.."
HOME=${HOME:-} # a service or a container may have none

say() { printf '%s\n' "$*" >&2; }
works() { "$1" --version >/dev/null 2>&1; }
as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }
apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    # A new machine's package lists may be absent or old.
    apt-get install -y -qq "$@" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq "$@" >/dev/null; }
}

# --- uv: the one on PATH if it works (a pyenv shim may not), else our own copy in .uv --------
find_uv() {
    for candidate in "${UV:-}" "$(command -v uv || true)" .uv/bin/uv \
        "$HOME/.local/bin/uv" "$HOME/.cargo/bin/uv"; do
        if [ -n "$candidate" ] && works "$candidate"; then
            UV=$candidate
            return 0
        fi
    done
    return 1
}

has_pip() { python3 -m pip --version >/dev/null 2>&1; }

install_uv() {
    say "Installing uv into .uv (once)…"
    if ! has_pip && python3 -m venv .uv/venv >/dev/null 2>&1; then
        .uv/venv/bin/python -m pip install --quiet --disable-pip-version-check uv &&
            mkdir -p .uv/bin && ln -sf ../venv/bin/uv .uv/bin/uv
        return
    fi
    if ! has_pip && as_root; then
        apt_install python3-pip || true
    fi
    # --upgrade replaces what an interrupted run has left; the variable, unlike the option of
    # that name, does not stop a pip before 22.1.
    has_pip && PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --upgrade \
        --disable-pip-version-check --target .uv uv
}

if ! find_uv && ! { install_uv && find_uv; }; then
    if ! command -v python3 >/dev/null 2>&1; then
        say "Python 3 is needed and there is none. Run 'sudo apt install python3 python3-pip',"
    elif has_pip || [ -x .uv/venv/bin/pip ]; then
        say "pip could not install uv; its message is above. Check the network (PIP_INDEX_URL names"
        say "a mirror) or install uv yourself (https://docs.astral.sh/uv/),"
    else
        say "uv could not be installed: this python3 has neither pip nor venv."
        say "Run 'sudo apt install python3-pip' (or install uv from https://docs.astral.sh/uv/),"
    fi
    say "then try again."
    exit 1
fi

# --- Python 3.12 or 3.13: an existing one, pyenv's too, else one that uv downloads -----------
find_python() {
    for candidate in "${STUDIO_PYTHON:-}" .venv/bin/python python3.12 python3.13 python3 \
        "$HOME"/.pyenv/versions/3.12.*/bin/python "$HOME"/.pyenv/versions/3.13.*/bin/python; do
        [ -n "$candidate" ] || continue
        found=$("$candidate" -c 'import sys
print(sys.executable if (3, 12) <= sys.version_info < (3, 14) else "")' 2>/dev/null) || continue
        if [ -n "$found" ]; then
            PYTHON=$found
            return 0
        fi
    done
    return 1
}

PYTHON=
if ! find_python; then
    say "No Python 3.12 or 3.13 here; asking uv for one…"
    if "$UV" python install --quiet 3.12 2>/dev/null; then
        PYTHON=$("$UV" python find --no-project 3.12)
    elif as_root && { apt_install python3.13 || apt_install python3.12; } 2>/dev/null && find_python; then
        :
    else
        say "Python 3.12 or 3.13 is needed and could not be downloaded or installed."
        say "Install one (apt, pyenv, python.org) and try again; STUDIO_PYTHON=/path/to/python3.12"
        say "names one that is not on PATH."
        exit 1
    fi
fi

# --- the environment: nothing to do if it already holds this lock, and was made here ----------
stamp=.venv/.studio-lock
wanted=$(cat requirements.lock requirements.txt pyproject.toml | cksum)
here=$(pwd -P)
# Its scripts name the folder that they were made in: a moved or copied .venv is of no use.
sound() {
    grep -qsF "$here/.venv/bin/python" .venv/bin/studio &&
        .venv/bin/python -c 'import sys; assert (3, 12) <= sys.version_info < (3, 14)' 2>/dev/null
}
if sound && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
say "Setting up .venv (once; needs the package index)…"
if ! sound; then
    "$UV" venv --quiet --clear --no-project --python "$PYTHON" .venv
fi
export VIRTUAL_ENV="$here/.venv"
# Where Python may not keep what it compiles (PYTHONDONTWRITEBYTECODE, as in many containers),
# each start of the plugin would compile hundreds of modules anew: twice as long as it should.
export UV_COMPILE_BYTECODE=1
if ! "$UV" pip sync --quiet --require-hashes requirements.lock ||
    ! "$UV" pip install --quiet --no-deps --editable .; then
    say "The packages could not be installed; uv's message is above. They come from the network:"
    say "check it (UV_DEFAULT_INDEX names a mirror), then try again."
    exit 1
fi
printf '%s\n' "$wanted" > "$stamp"
say "Ready: .venv/bin/studio --help"
