"""The usual stack in Python: Flask and psycopg2, one INSERT for each reading, one commit for each request."""
import os
import re
import threading
from datetime import datetime, timezone

import psycopg2
import psycopg2.pool
from flask import Flask, jsonify, request

LINE = re.compile(r"^(\d+)\s+(\S+)\s+([-+]?[0-9.]+(?:[eE][-+]?\d+)?)$")
app = Flask(__name__)
CONNECTIONS = 16
pool = psycopg2.pool.ThreadedConnectionPool(1, CONNECTIONS, os.environ["BENCH_DATABASE_URL"])
free = threading.BoundedSemaphore(CONNECTIONS)  # the pool itself raises instead of waiting


@app.post("/data")
def post():
    rows = []
    for line in request.get_data(as_text=True).splitlines():
        if not line.strip():
            continue
        match = LINE.match(line.strip())
        if match is None:
            return jsonify(success=False), 400
        rows.append((datetime.fromtimestamp(int(match[1]), timezone.utc), match[2], float(match[3])))
    with free:
        connection = pool.getconn()
        try:
            with connection, connection.cursor() as cursor:
                for row in rows:
                    cursor.execute("insert into bench_flask_reading (time, name, value) values (%s, %s, %s)", row)
        finally:
            pool.putconn(connection)
    return jsonify(success=True)


if __name__ == "__main__":
    first = pool.getconn()
    with first, first.cursor() as setup:
        setup.execute("create table if not exists bench_flask_reading (id bigserial primary key, time timestamptz not null, name text not null, value double precision not null)")
    pool.putconn(first)
    app.run(host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), threaded=True)
