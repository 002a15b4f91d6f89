"""NetworkPolicies, enforced. That each path works, all other scenarios show too; what is refused, only this one."""

import pytest

from tests.cluster import network
from tests.e2e.installed import probes
from tests.e2e.installed.installation import Installation


def test_each_pod_reaches_what_the_table_says_and_nothing_else(installation: Installation) -> None:
    if network.addresses().is_ipv6:
        pytest.skip("kube-router 2.1.0 calls its sets of IPv6 otherwise in its rules, which the kernel then refuses")
    assert len(probes.asked() - probes.allowed()) >= 50
    assert probes.open_paths(installation) == probes.allowed()
