//! A full disk stops acknowledging, loses nothing that was acknowledged, and work goes on when there is room again.

use std::process::Command;

use crate::server::Data;

/// A small file system at a folder, gone with the test.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// None, said aloud, without the right to mount.
    fn mount(at: &std::path::Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"])
            .arg(at)
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at.to_path_buf()));
        }
        eprintln!("SKIPPED: mounting a small file system needs root, so the full disk was not tried");
        None
    }

    fn grow(&self) {
        let grown = Command::new("mount")
            .args(["-o", "remount,size=64m"])
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(grown.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn nothing_is_acknowledged_on_a_full_disk_and_work_goes_on_after_it() {
    let data = Data::new();
    let Some(disk) = SmallDisk::mount(data.path()) else {
        return;
    };
    let server = data.serve(&[]);
    let long = "d".repeat(4_000);
    let add = |n: usize| data.moat(&["indicators", "add", &format!("n{n}.example"), "--description", &long]);
    let mut acknowledged = 0;
    let refusal = loop {
        let output = add(acknowledged);
        if !output.status.success() {
            break String::from_utf8_lossy(&output.stderr).into_owned();
        }
        acknowledged += 1;
        assert!(acknowledged < 5_000, "the disk never fills up");
    };
    assert!(refusal.contains("StorageFull"), "{refusal}");
    assert!(!add(9_999).status.success(), "still full");
    let listed = || data.json(&["indicators", "list"])["value"].as_array().unwrap().len();
    assert_eq!(listed(), acknowledged);
    disk.grow();
    assert!(add(acknowledged).status.success(), "there is room again");
    assert_eq!(listed(), acknowledged + 1);
    drop(server);
}
