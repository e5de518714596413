<?php
return ['dsn' => 'pgsql:host=/var/run/postgresql;dbname=ledger;connect_timeout=2', 'user' => 'ledger'];
