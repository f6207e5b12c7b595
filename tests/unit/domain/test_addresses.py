"""Addresses are compared in one form, however they are written."""

from ipaddress import ip_address, ip_network

import pytest

from interlock.domain.addresses import hosts_of, machine, network, origin_at


@pytest.mark.parametrize(
    ("scheme", "host", "port", "found"),
    [
        ("https", "Approvals.Example.COM", None, "https://approvals.example.com"),
        ("https", "a.example", 443, "https://a.example"),
        ("https", "a.example", 80, "https://a.example:80"),
        ("http", "a.example", 80, "http://a.example"),
        ("http", "127.0.0.1", 8000, "http://127.0.0.1:8000"),
        ("http", "0:0:0:0:0:0:0:1", 8000, "http://[::1]:8000"),
    ],
)
def test_the_origin_of_a_site_is_written_as_browsers_write_it(scheme, host, port, found):
    assert origin_at(scheme, host, port) == found


@pytest.mark.parametrize(("scheme", "host", "port"), [("ftp", "a", None), ("https", "", None), ("http", "a", 0)])
def test_what_is_no_site_is_refused(scheme, host, port):
    with pytest.raises(ValueError, match="is no site"):
        origin_at(scheme, host, port)


def test_a_site_is_called_with_and_without_the_usual_port_and_with_any_other():
    assert hosts_of("https://a.example") == {"a.example", "a.example:443"}
    assert hosts_of("http://[::1]") == {"[::1]", "[::1]:80"}
    assert hosts_of("http://a.example:8000") == {"a.example:8000"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7:567 ", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:567", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:567", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
    ],
)
def test_a_machine_is_the_same_with_a_port_and_by_either_protocol(said, found):
    assert machine(said) == ip_address(found)


@pytest.mark.parametrize("said", ["", "unknown", "1.2.3", "1.2.3.4:", "1.2.3.4:x", "[1.2.3.4", "a:1", "[::1]x"])
def test_what_is_no_address_is_none(said):
    assert machine(said) is None


def test_a_network_of_one_protocol_in_the_other_ones_form_is_that_network():
    assert network("::ffff:10.0.0.0/104") == ip_network("10.0.0.0/8")
    assert network("::ffff:10.0.0.5") == ip_network("10.0.0.5")
    assert network("2001:db8::/32") == ip_network("2001:db8::/32")
    assert network("::/0") == ip_network("::/0")
    with pytest.raises(ValueError, match="host bits"):
        network("10.0.0.1/8")
