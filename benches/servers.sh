# Servers to be measured side by side, for the scripts beside this one: to be sourced, with `program` set.
#
# Each has a port of its own and is ended with the script. Its process id and what is measured of it stand in the
# folder $results.
results=$(mktemp -d)
pids=()
stop() { kill "${pids[@]}" 2>/dev/null || :; rm -rf "$results"; }
trap stop EXIT

# serve PORT [VARIABLE=VALUE…]: a server on that port, its HTTP port the one behind it.
serve() {
    env "${@:2}" "$program" serve --listen "127.0.0.1:$1" --http-listen "127.0.0.1:$(($1 + 1))" 2>/dev/null &
    pids+=("$!")
    echo "$!" >"$results/$1.pid"
    until "$program" healthcheck --server "127.0.0.1:$1" 2>/dev/null; do :; done
}

# measure ROUNDS PARTICIPANTS DELIVERIES PORT…: bursts of so many deliveries at each server in turns, as
# $results/PORT.ROUND.json. There and back, so that no server always follows the same one.
measure() {
    local rounds=$1 participants=$2 deliveries=$3 round port
    local ports=("${@:4}") back=()
    for port in "${ports[@]}"; do back=("$port" "${back[@]}"); done
    for round in $(seq "$rounds"); do
        for port in $( ((round % 2)) && echo "${ports[@]}" || echo "${back[@]}"); do
            "$program" bench --server "127.0.0.1:$port" --participants "$participants" \
                --burst "$((deliveries / participants))" --pid "$(cat "$results/$port.pid")" \
                --format json >"$results/$port.$round.json" 2>/dev/null
        done
    done
}
