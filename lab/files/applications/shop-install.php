<?php
// Installs WordPress without a browser and without a network, then puts goods on the shelves.
const POSTS = 36;
const PICTURES = 12;
const SIDE = 320; // pixels; noise doesn't compress, so a picture has about 300 KB

$_SERVER += ['HTTP_HOST' => 'shop.example', 'HTTPS' => 'on', 'REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET',
    'SERVER_PROTOCOL' => 'HTTP/1.1'];
define('WP_INSTALLING', true);

// WordPress dies with exit code 0 when it can't reach its database.
$done = false;
register_shutdown_function(function () use (&$done) { exit($done ? 0 : 1); });

// WordPress takes these instead of its own: there is no mail here.
function wp_mail(...$anything) { return true; }
function wp_new_blog_notification(...$anything) {}

require '/usr/share/wordpress/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
add_filter('pre_http_request', fn() => new WP_Error('offline', 'no network while installing'));

wp_install('Seawall shop', 'keeper', 'keeper@shop.example', true, '', bin2hex(random_bytes(16)));
switch_theme('harbour');
update_option('posts_per_page', 5);

function picture(int $number): string {
    mt_srand($number);
    $image = imagecreatetruecolor(SIDE, SIDE);
    for ($x = 0; $x < SIDE; $x++) {
        for ($y = 0; $y < SIDE; $y++) {
            imagesetpixel($image, $x, $y, mt_rand(0, 0xFFFFFF));
        }
    }
    ob_start();
    imagepng($image);
    return ob_get_clean();
}

$urls = [];
for ($number = 1; $number <= PICTURES; $number++) {
    $upload = wp_upload_bits("picture-$number.png", null, picture($number));
    if ($upload['error']) {
        exit("upload: {$upload['error']}\n");
    }
    wp_insert_attachment(['post_mime_type' => 'image/png', 'post_title' => "Picture $number", 'post_status' => 'inherit'],
        $upload['file']);
    $urls[] = $upload['url'];
}
for ($number = 1; $number <= POSTS; $number++) {
    $url = $urls[$number % PICTURES];
    $text = "<p>Rope, tar and lanterns, crate $number.</p><img src=\"$url\" alt=\"crate $number\">";
    wp_insert_post(['post_title' => "Crate $number", 'post_content' => $text, 'post_status' => 'publish', 'post_author' => 1], true);
}
$done = wp_count_posts()->publish >= POSTS;
