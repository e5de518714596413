<?php
// What a broken-into application tries on its neighbour. Each answer is what it got hold of; the test expects nothing.
$own = __DIR__;
$victim = "/srv/vhosts/{$_GET['victim']}";
$socket = $_GET['socket'];

function seen(callable $try): string {
    ob_start();
    $got = @$try();
    return ob_get_clean() . (is_string($got) ? $got : json_encode($got));
}

echo json_encode([
    'own file' => seen(fn() => file_get_contents("$own/mine.txt")),
    'own temporary file' => seen(fn() => file_put_contents(sys_get_temp_dir() . '/mine', 'x')),
    'file' => seen(fn() => file_get_contents("$victim/public/secret.php")),
    'include' => seen(fn() => include "$victim/public/secret.php"),
    'link' => seen(fn() => file_get_contents("$own/link.txt")),
    'glob' => seen(fn() => glob("$victim/*")),
    'directory' => seen(fn() => scandir('/srv/vhosts')),
    'session' => seen(fn() => file_get_contents("$victim/tmp/sess_victim")),
    'temporary file' => seen(fn() => file_get_contents('/tmp/victim')),
    'process list' => seen(fn() => file_get_contents("/proc/{$_GET['pid']}/cmdline")),
    'environment' => seen(fn() => file_get_contents("/proc/{$_GET['pid']}/environ")),
    'socket' => seen(fn() => is_resource(stream_socket_client("unix://$socket", $code, $why, 2))),
    'own socket' => seen(fn() => is_resource(stream_socket_client("unix://{$_GET['own']}", $code, $why, 2))),
    'compiled scripts' => seen(fn() => opcache_get_status(true)),
    'compiled script' => seen(fn() => opcache_is_script_cached("$victim/public/secret.php")),
    'program' => seen(fn() => array_filter(['exec', 'system', 'popen', 'proc_open', 'mail_exec'], 'function_exists')),
]);
