"""Whether a host may be rebooted now, and would come back."""

import os
from pathlib import Path

from effects.onhost.calling import call


def half_installed() -> "list[str]":
    """What dpkg began and did not end."""
    fine, said = call("dpkg", "--audit")
    return [] if fine and not said else [f"packages are half installed; type: dpkg --configure -a ({said[:200]})"]


def check() -> "list[str]":
    """Why this host might not come back from a reboot, or not be reachable then."""
    asked: dict[str, tuple[str, ...]] = {
        "sshd refuses its files": ("/usr/sbin/sshd", "-t"),
        "/etc/fstab does not hold": ("findmnt", "--verify"),
    }
    for family, tool in (("v4", "iptables-restore"), ("v6", "ip6tables-restore")):
        rules = f"/etc/seawall/firewall/rules.{family}"
        asked[f"{rules} can't be loaded"] = ("sh", "-c", f"{tool} -w --noflush --test < {rules}")
    said = {fault: call(*argv) for fault, argv in asked.items()}
    faults = [f"{fault}: {words[-200:]}" for fault, (fine, words) in said.items() if not fine]
    full = [path for path in ("/", "/boot") if Path(path).is_dir() and _free(path) < 1 << 20]
    return [*faults, *half_installed(), *kernel_faults(), *(f"{path} is full" for path in full)]


def _free(path: str) -> int:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def kernel_faults() -> "list[str]":
    """Whether the boot loader has a kernel and an initrd to load. A container has neither."""
    kernels = sorted(Path("/boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    if not kernels:
        inside = call("systemd-detect-virt", "--container", "--quiet")[0]
        return [] if inside else ["there is no kernel in /boot"]
    newest = kernels[-1].name.removeprefix("vmlinuz-")
    initrd, menu = Path(f"/boot/initrd.img-{newest}"), Path("/boot/grub/grub.cfg")
    faults = [] if kernels[-1].stat().st_size else [f"{kernels[-1]} is empty"]
    if not initrd.is_file() or not call("lsinitramfs", str(initrd))[0]:
        faults.append(f"{initrd} is missing or can't be read; type: update-initramfs -c -k {newest}")
    if menu.parent.is_dir() and (not menu.is_file() or newest not in menu.read_text(errors="replace")):
        faults.append(f"{menu} does not offer {newest}; type: update-grub")
    return faults


def in_window(window: "list[str]", clock: str) -> bool:
    """Whether the time of day `clock` (HH:MM) lies in it; a window may go over midnight."""
    start, end = window
    return start <= clock < end if start <= end else clock >= start or clock < end
