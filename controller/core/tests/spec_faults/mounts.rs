//! Rows about networks, secrets, configs and volumes.

use super::{Row, task};

pub fn mount_rows() -> Vec<Row> {
    vec![
        (
            "the host network",
            task("networks: [host]"),
            vec!["8:18 E062 a task cannot join the network `host`"],
        ),
        (
            "the default networks of Docker",
            task("networks: [bridge, none, ingress]"),
            vec![
                "8:18 E062 a task cannot join the network `bridge`",
                "8:26 E062 a task cannot join the network `none`",
                "8:32 E062 a task cannot join the network `ingress`",
            ],
        ),
        ("a network twice", task("networks: [a, a]"), vec!["8:21 E032 the network `a` is joined twice"]),
        (
            "a network with options",
            task("networks: {a: {aliases: [b]}}"),
            vec!["8:21 E020 options of the network `a` are not supported yet"],
        ),
        (
            "a network that is no name",
            task("networks: ['a b']"),
            vec!["8:18 E062 `a b` is not the name of a network"],
        ),
        (
            "a bare file mode",
            task("secrets: [{source: a, mode: 0440}]"),
            vec!["8:35 E043 `0440` is not a file mode: a bare number is decimal in YAML"],
        ),
        (
            "a decimal file mode",
            task("secrets: [{source: a, mode: 288}]"),
            vec!["8:35 E043 `288` is not a file mode"],
        ),
        (
            "a file mode with too many bits",
            task("secrets: [{source: a, mode: 0o7777}]"),
            vec!["8:35 E043 `0o7777` is not a file mode"],
        ),
        (
            "two secrets in one file",
            task("secrets: [a, {source: b, target: a}]"),
            vec!["8:20 E032 two files are `a`"],
        ),
        (
            "a secret from a file",
            task("secrets: [{file: ./x}]"),
            vec![
                "8:17 E011 an item of `secrets` needs the key `source`",
                "8:18 E021 `file` is a key that a secret or config cannot have",
            ],
        ),
        (
            "a number for an owner",
            task("configs: [{source: a, uid: 1000}]"),
            vec!["8:34 E013 `uid` must be text, not the number `1000`"],
        ),
        (
            "a target that leaves its folder",
            task("configs: [{source: a, target: ../x}]"),
            vec!["8:37 E063 `../x` is not the name of a file"],
        ),
        (
            "the Docker socket",
            task("volumes: ['/var/run/docker.sock:/var/run/docker.sock']"),
            vec!["8:17 E061 `/var/run/docker.sock` gives the task the Docker socket, and with it the host"],
        ),
        (
            "the Docker socket by another path",
            task("volumes: [{type: bind, source: //run/./docker.sock, target: /x}]"),
            vec!["8:17 E061 `//run/./docker.sock` gives the task the Docker socket, and with it the host"],
        ),
        (
            "the folder of the Docker socket",
            task("volumes: ['/var/run:/x:ro']"),
            vec!["8:17 E061 `/var/run` gives the task the Docker socket, and with it the host"],
        ),
        (
            "the whole host",
            task("volumes: ['/:/host']"),
            vec!["8:17 E061 `/` gives the task the Docker socket, and with it the host"],
        ),
        ("an anonymous volume", task("volumes: [/data]"), vec!["8:17 E060 `/data` is an anonymous volume"]),
        (
            "a folder beside the spec",
            task("volumes: [./data:/data]"),
            vec!["8:17 E060 `./data` is not an absolute path of a node"],
        ),
        (
            "a bind that climbs",
            task("volumes: ['/srv/../etc:/x']"),
            vec!["8:17 E060 `/srv/../etc` is not an absolute path of a node"],
        ),
        (
            "a volume with unknown options",
            task("volumes: ['a:/x:z']"),
            vec!["8:17 E060 `a:/x:z` is not a volume"],
        ),
        (
            "a volume at a relative path",
            task("volumes: ['a:x']"),
            vec!["8:17 E060 `x` is not a path to mount at"],
        ),
        (
            "two volumes at one path",
            task("volumes: ['a:/x', 'b:/x/']"),
            vec!["8:25 E032 two volumes are mounted at `/x/`"],
        ),
        (
            "a volume without source",
            task("volumes: [{type: volume, target: /x}]"),
            vec!["8:17 E060 the volume has no `source`"],
        ),
        (
            "a tmpfs with a source",
            task("volumes: [{type: tmpfs, source: a, target: /x}]"),
            vec!["8:31 E060 a tmpfs has no `source`"],
        ),
        (
            "options of a bind",
            task("volumes: [{type: bind, source: /a, target: /x, bind: {propagation: shared}}]"),
            vec!["8:54 E020 `bind` is not supported yet"],
        ),
    ]
}
