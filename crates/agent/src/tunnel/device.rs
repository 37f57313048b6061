//! The TUN device: made by ioctl, with segmentation left to the kernel where it can.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
};

use anyhow::{Context as _, Result};

const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
const TUNSETOFFLOAD: libc::c_ulong = 0x4004_54d0;
const TUNSETVNETHDRSZ: libc::c_ulong = 0x4004_54d8;
const IFF_TUN: i16 = 1;
const IFF_NO_PI: i16 = 0x1000;
const IFF_VNET_HDR: i16 = 0x4000;
const OFFLOAD_CSUM_TSO4_TSO6: libc::c_ulong = 1 | 2 | 4;

/// Bytes of the virtio-net header in front of each packet when the kernel segments.
pub const VNET_HEADER: usize = 10;

#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: i16,
    rest: [u8; 22],
}

pub struct Tun {
    pub file: File,
    pub offload: bool,
}

impl Tun {
    /// Makes the device, or attaches to one of that name. It goes when the file is closed.
    pub fn create(name: &str, offload: bool) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")
            .context("cannot open /dev/net/tun: run as root, with the tun module loaded")?;
        let mut request = InterfaceRequest {
            name: [0; 16],
            flags: IFF_TUN | IFF_NO_PI,
            rest: [0; 22],
        };
        if offload {
            request.flags |= IFF_VNET_HDR;
        }
        anyhow::ensure!(
            name.len() < 16,
            "the interface name {name:?} is longer than 15 characters"
        );
        request
            .name
            .iter_mut()
            .zip(name.bytes())
            .for_each(|(slot, byte)| *slot = byte);
        // SAFETY: the request lives through the call and has the layout of `struct ifreq`.
        check(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) })
            .with_context(|| format!("cannot make the TUN device {name}"))?;
        if offload {
            let size: libc::c_int = VNET_HEADER as libc::c_int;
            // SAFETY: the argument is a pointer to an int, as the call wants.
            check(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETVNETHDRSZ, &raw const size) })?;
            // SAFETY: the argument is a number.
            check(unsafe { libc::ioctl(file.as_raw_fd(), TUNSETOFFLOAD, OFFLOAD_CSUM_TSO4_TSO6) })?;
        }
        Ok(Self { file, offload })
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
