"""Whether the CPU's energy can be read. Torch-free."""

from sabench.errors import DeviceError
from sabench.measure.doctor.finding import Finding, Part
from sabench.measure.doctor.host import Host
from sabench.measure.powercap import open_packages

RAPL = Part("CPU energy", "Joules per image on the CPU come from this counter alone.")


def package_energy(host: Host) -> Finding:
    """The packages that powercap tells of."""
    try:
        packages = open_packages(host.powercap)
    except DeviceError as error:
        if "needs root" not in str(error):
            return RAPL.absent(str(error))
        mend = f"sudo chmod a+r {host.powercap}/*/energy_uj"
        return RAPL.yellow("only root may read it", mend)
    return RAPL.green(packages.facts()["zones"])
