"""The services that the tests run on are the real ones, with passwords and our configuration."""

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection


@pytest.mark.django_db
def test_the_database_is_postgresql_with_vectors() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT '[1,0]'::vector <=> '[0,1]'::vector")
        assert cursor.fetchone() == (1.0,)


@pytest.mark.django_db
def test_the_database_wants_the_password() -> None:
    options = connection.get_connection_params()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(
            host=options["host"],
            port=options["port"],
            user=options["user"],
            dbname=options["dbname"],
            password="not the password",
        )


def test_valkey_wants_the_password_and_keeps_what_it_acknowledges() -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        port = client.connection_pool.connection_kwargs["port"]
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
