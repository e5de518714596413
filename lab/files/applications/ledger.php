<?php
// A ledger of numbered rows. "ok N" is a promise: it is said only after PostgreSQL has committed row N.
declare(strict_types=1);

function answer(int $status, string $text, string $type = 'text/plain'): never {
    http_response_code($status);
    header("Content-Type: $type; charset=utf-8");
    header('Cache-Control: no-store');
    echo $text;
    exit;
}

function database(): PDO {
    $config = require __DIR__ . '/../private/config.php';
    return new PDO($config['dsn'], $config['user'], null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
}

function add(PDO $database, string $number): never {
    if (!ctype_digit($number)) {
        answer(400, "number must be a whole number\n");
    }
    // Outside a transaction each statement commits by itself before execute() returns.
    $database->prepare('INSERT INTO entries (number) VALUES (?) ON CONFLICT DO NOTHING')->execute([$number]);
    answer(200, "ok $number\n");
}

function numbers(PDO $database): never {
    $rows = $database->query('SELECT number FROM entries ORDER BY number')->fetchAll(PDO::FETCH_COLUMN);
    answer(200, implode("\n", $rows) . "\n");
}

function front(PDO $database): never {
    [$count, $highest] = $database->query('SELECT count(*), coalesce(max(number), 0) FROM entries')->fetch(PDO::FETCH_NUM);
    $page = "<!doctype html><title>Seawall ledger</title><h1>Seawall ledger</h1><p>$count rows, the highest is $highest.</p>\n";
    answer(200, $page, 'text/html');
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
try {
    match (true) {
        $path === '/add' && $_SERVER['REQUEST_METHOD'] === 'POST' => add(database(), (string) ($_POST['number'] ?? '')),
        $path === '/numbers' => numbers(database()),
        $path === '/' => front(database()),
        default => answer(404, "not found\n"),
    };
} catch (PDOException $fault) {
    error_log($fault->getMessage());
    answer(500, "the ledger can't be reached\n");
}
