# shellcheck shell=sh disable=SC2154 # `here` and `lock` are set by the caller
# Makes or renews .venv beside this project. Sourced by ./run and ./test; the caller has set `here` and `lock`.
# POSIX sh; safe in paths with spaces.

say() { printf '%s\n' "$*"; }
stop_here() { say "$*" >&2; exit 3; }

usable() {
    "$1" -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else 1)' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" || stop_here "PYTHON=$PYTHON is not Python 3.11 to 3.13. Install one: apt-get install python3 python3-venv"
        python=$PYTHON
        return
    fi
    for candidate in python3.13 python3.12 python3.11 python3; do
        if usable "$candidate"; then
            python=$candidate
            return
        fi
    done
    stop_here "Python 3.11 to 3.13 is needed. Install it: apt-get install python3 python3-venv"
}

# A lock and the Python that it is installed for.
fingerprint() {
    "$python" -c 'import hashlib, sys; print(*sys.version_info[:2], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

make_venv() {
    find_python
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        stop_here "This Python cannot make environments. Install what is missing: apt-get install python3-venv"
    venv="$here/.venv"
    marker="$venv/.made-from"
    wanted=$(fingerprint "$lock")
    # The marker comes last, so an environment that was left half-made has none. What was made for the tests serves
    # ./run too, so the marker may have a line for each lock.
    if [ -f "$marker" ] && grep -Fxq "$wanted" "$marker" && "$venv/bin/python" -c '' >/dev/null 2>&1; then
        return
    fi
    say "Making .venv and installing what $(basename "$lock") names (about half a minute) ..."
    rm -rf "$venv"
    "$python" -m venv "$venv" || stop_here "Making .venv failed."
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        -r "$lock" || stop_here "Installing failed; pip says why above."
    # The source itself is put on the path rather than built: nothing to rebuild when it changes.
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$here/src" >"$site/watchkeeper.pth"
    cat >"$venv/bin/watchkeeper" <<SCRIPT
#!/bin/sh
exec "\$(dirname "\$0")/python" -m watchkeeper.bootstrap.command "\$@"
SCRIPT
    chmod +x "$venv/bin/watchkeeper"
    {
        printf '%s\n' "$wanted"
        [ -z "${run_lock:-}" ] || fingerprint "$run_lock"
    } >"$marker"
    say "Installed."
}
