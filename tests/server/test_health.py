"""What a supervisor and a load balancer ask: is it alive, and can it work."""

import pytest


async def asked(server, path, **headers):
    answer = await server.client(**headers).get(f"../../{path}")
    return answer.status_code, answer.json()


async def test_a_server_that_stops_is_alive_and_takes_no_more_work(server):
    assert await asked(server, "readyz") == (200, {"status": "ready", "configuration": "in use"})
    server.context.stop.set()
    assert (await asked(server, "livez"))[0] == 200
    status, told = await asked(server, "readyz")
    assert (status, told["code"], "stops" in told["detail"]) == (503, "service_unavailable", True)


@pytest.mark.parametrize("kept", ["sqlite", "postgres"])
async def test_a_server_whose_database_is_gone_is_alive_and_takes_no_work(open_server, kept, tmp_path, request):
    server = open_server(kept)
    assert (await asked(server, "readyz"))[0] == 200
    await server.system.close()
    assert (await asked(server, "livez"))[0] == 200
    status, told = await asked(server, "readyz")
    assert (status, told["code"]) == (503, "store_unavailable"), told


async def test_a_probe_calls_a_machine_by_its_address_and_nothing_else_is_told_there(server):
    for host in ("10.0.0.7:8000", "evil.example", ""):
        assert (await asked(server, "livez", Host=host))[0] == 200
        assert (await asked(server, "readyz", Host=host))[0] == 200
        for path in ("metrics", "sign-in", "livez/", "api/v1/openapi.json"):
            assert (await server.client(Host=host).get(f"../../{path}")).status_code == 421, path
