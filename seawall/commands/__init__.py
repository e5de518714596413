"""One file per group of commands; each exports `command`. `seawall.cli` imports a file only when it is asked for."""
