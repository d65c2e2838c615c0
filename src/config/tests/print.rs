//! What `--print-config` shows: every setting, with where its value is from.

use super::{FILE_NAME, World};

#[test]
fn the_print_names_the_source_of_every_line() {
    let mut world = World::new()
        .file("[keepalive]\ninterval = \"1m 30s\"")
        .variable("CHITTYCHAT__ROOM__CAPACITY", "100")
        .flag("grpc.listen", "0.0.0.0:8080", "--listen");
    world.sources.file = Some(world.path(FILE_NAME));
    let directory = format!("{}/", world.directory.path().display());
    assert_eq!(
        world.load().to_toml().replace(&directory, ""),
        r#"[grpc]
listen = "0.0.0.0:8080"           # flag --listen

[grpc.tls]
cert = ""                         # default
key = ""                          # default
client_ca = ""                    # default
crl = ""                          # default

[http]
listen = "127.0.0.1:8081"         # default

[console]
serve = true                      # default
chat = true                       # default
trace_url = ""                    # default

[auth]
tokens = ""                       # default

[room]
capacity = 100                    # environment CHITTYCHAT__ROOM__CAPACITY
# max_lag = 100                   # default: as room.capacity
max_lag_bytes = 16777216          # default
wake_window = "0s"                # default

[clock]
max_jump = 4294967296             # default
ceiling = 0                       # default

[keepalive]
interval = "1m 30s"               # chittychat.toml
timeout = "20s"                   # default

[shutdown]
deadline = "10s"                  # default

[limits]
participants = 16384              # default
participants_per_address = 0      # default
connections = 16640               # default
connections_per_address = 0       # default
attempts_per_second = 0           # default
http_connections = 256            # default
joins_per_second = 0              # default
joins_per_second_per_address = 0  # default
join_burst = 0                    # default
idle_timeout = "10s"              # default
streams_per_connection = 16384    # default
pending_streams = 4096            # default
service_streams = 64              # default
header_bytes = 8192               # default
messages_per_second = 0           # default
message_burst = 0                 # default
frame_bytes = 65536               # default
inbound_bytes = 16777216          # default
memory = 6442450944               # default

[trace]
ratio = 1.0                       # default
spans_per_second = 1000           # default
max_deliver_spans = 16            # default
message_text = false              # default

[journal]
file = ""                         # default
max_bytes = 67108864              # default
files = 4                         # default

[log]
format = "text"                   # default
filter = "info"                   # default
"#
    );
}

#[test]
fn the_print_is_a_file_with_the_same_settings() {
    let worlds = [
        World::new(),
        World::new()
            .file("[room]\ncapacity = 100\nmax_lag = 100\n[keepalive]\ntimeout = \"1s 1ns\"")
            .variable("CHITTYCHAT__GRPC__LISTEN", "[::1]:0")
            .variable("CHITTYCHAT__LIMITS__PARTICIPANTS", "0100")
            .flag("clock.max_jump", "4611686018427387904", "--max-jump")
            .flag("log.format", "json", "--log-format\nx = 1"),
    ];
    for world in worlds {
        let loaded = world.load();
        let again = World::new().file(&loaded.to_toml()).load();
        assert_eq!(again.settings, loaded.settings);
    }
}
