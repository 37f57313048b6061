use std::process::Command;

/// Runs `test` on a thread in a new network namespace with one interface, `eth0`, and default routes through it.
pub fn with_network(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        // SAFETY: only this thread changes its namespace; it ends with the test.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return eprintln!("SKIPPED: a network namespace needs root, so this was not tried");
        }
        for line in [
            "link set lo up",
            "link add eth0 type veth peer name far",
            "addr add 198.51.100.2/24 dev eth0",
            "addr add 2001:db8:1::2/64 dev eth0 nodad",
            "link set eth0 up",
            "link set far up",
            "route add default via 198.51.100.1",
            "-6 route add default via 2001:db8:1::1",
        ] {
            ip(line);
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `ip` and gives what it says.
pub fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .expect("iproute2 is installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
