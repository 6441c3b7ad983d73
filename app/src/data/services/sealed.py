"""The device's secure storage, so that what it keeps stays on this device."""

from flet_secure_storage import IOSOptions, KeychainAccessibility, MacOsOptions, SecureStorage


def sealed_storage() -> SecureStorage:
    """The storage of Flet, where Apple's keychain takes nothing along to another device.

    Without this an encrypted backup of an iPhone carries the sign-in to the next one; Android's backups are switched
    off in app/pyproject.toml. On a Mac it is the keychain of the login: the other one ("data protection") takes only
    apps with an entitlement that needs a paid certificate, and ends an app that has it without one
    (juliansteenbakker/flutter_secure_storage, issues 804 and 1176).
    """
    return SecureStorage(
        ios_options=IOSOptions(accessibility=KeychainAccessibility.UNLOCKED_THIS_DEVICE),
        macos_options=MacOsOptions(uses_data_protection_keychain=False),
    )
