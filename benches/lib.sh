# Shared by the scripts beside it, which source it: a folder to work in, and the figures of this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')

# On a disk, not in memory: durable writes are what is measured. Servers that drop root have to reach it.
WORK=$(mktemp -d "${BENCH_DIR:-/var/tmp}/avouch-bench.XXXXXX")
chmod 711 "$WORK"
STOP=()

# Ends what was started, in the opposite order, and removes the folder.
finish() {
    local code=$? i
    for ((i = ${#STOP[@]} - 1; i >= 0; i--)); do
        eval "${STOP[i]}" >/dev/null 2>&1 || true
    done
    rm -rf "$WORK"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

# How often a second this disk makes one small write durable: the limit of anything that flushes for each event.
flush_rate() {
    local began=${EPOCHREALTIME/./} writes=1000
    dd if=/dev/zero of="$WORK/flush" bs=400 count=$writes oflag=dsync status=none
    echo $((writes * 1000000 / (${EPOCHREALTIME/./} - began)))
}

machine() {
    printf '%s, %s cores, %s; %s durable writes/s one at a time\n\n' \
        "$(uname -sr)" "$(nproc)" "$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1)" "$(flush_rate)"
}

# The middle one of the numbers on standard input.
median() {
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# A by B, to two places.
ratio() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", b ? a / b : 0 }'
}

# A loopback port that nothing listens on.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits up to 60 s until a command succeeds.
until_true() {
    local began=$SECONDS
    until "$@" >/dev/null 2>&1; do
        ((SECONDS - began < 60)) || { echo "gave up waiting for: $*" >&2; return 1; }
        sleep 0.1
    done
}
