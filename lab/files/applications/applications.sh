#!/bin/sh
# Runs once, as root, in a host that is booted only to be filled: three client applications with their data.
set -eu
here=$(dirname "$0")
etc_php=$(ls -d /etc/php/*)

vhost() { # DOMAIN USER
    useradd --system --user-group --home-dir "/srv/vhosts/$1" --no-create-home --shell /usr/sbin/nologin "$2"
    install -d -m 755 /srv/vhosts
    install -d -o "$2" -g www-data -m 750 "/srv/vhosts/$1"
}

pool() { # USER
    sed "s/USER/$1/g" "$here/pool.conf" > "$etc_php/fpm/pool.d/$1.conf"
}

site() { # DOMAIN
    install -m 644 "$here/$1.conf" /etc/nginx/sites-available/
    ln -sf "../sites-available/$1.conf" /etc/nginx/sites-enabled/
}

rm -f /etc/nginx/sites-enabled/default "$etc_php/fpm/pool.d/www.conf"

# shop.example: Debian's WordPress on MariaDB. Code stays the package's; content and configuration are the client's.
vhost shop.example shop
pool shop
site shop.example
content=/srv/vhosts/shop.example/wp-content
install -d -o shop -g shop -m 755 $content $content/uploads $content/plugins $content/themes $content/themes/harbour
for plugin in /usr/share/wordpress/wp-content/plugins/*; do ln -s "$plugin" $content/plugins/; done
install -o shop -g shop -m 644 "$here/shop-theme.css" $content/themes/harbour/style.css
install -o shop -g shop -m 644 "$here/shop-theme.php" $content/themes/harbour/index.php
password=$(openssl rand -hex 16)
mariadb <<SQL
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE USER shop@localhost IDENTIFIED BY '$password';
GRANT ALL ON shop.* TO shop@localhost;
SQL
(umask 077 && sed -e "s/@PASSWORD@/$password/" -e "s/@SALT@/$(openssl rand -hex 32)/" "$here/shop-config.php" \
    > /etc/wordpress/config-shop.example.php)
chown root:shop /etc/wordpress/config-shop.example.php
chmod 640 /etc/wordpress/config-shop.example.php
cd /usr/share/wordpress
runuser -u shop -- php "$here/shop-install.php"

# ledger.example: one table on PostgreSQL. Its user needs no password: PostgreSQL knows who is at the socket.
vhost ledger.example ledger
pool ledger
site ledger.example
cd /srv/vhosts/ledger.example
install -d -o ledger -g ledger -m 755 public
install -d -o ledger -g ledger -m 700 private
install -o ledger -g ledger -m 644 "$here/ledger.php" public/index.php
install -o ledger -g ledger -m 600 "$here/ledger-config.php" private/config.php
runuser -u postgres -- createuser ledger
runuser -u postgres -- createdb --owner=ledger ledger
runuser -u ledger -- psql --quiet --set=ON_ERROR_STOP=1 \
    --command='CREATE TABLE entries (number bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())'

# docs.example: many small files and a large one.
vhost docs.example docs
site docs.example
python3 "$here/docs.py" /srv/vhosts/docs.example/public
chown -R docs:docs /srv/vhosts/docs.example/public
