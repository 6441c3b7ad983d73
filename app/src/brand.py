"""The brand, as the app uses it. Do not edit: `make brand` writes this file from app/brand.toml."""

import base64

NAME = "Salesforce Sample"
SUPPORT = ""
BACKEND = "http://127.0.0.1:5000"
SCHEME_REDIRECT = "com.example.salesforce-sample://oauth/callback"
# The colours of Material 3's roles.
LIGHT = {
    "primary": "#0B5CAB",
    "on_primary": "#FFFFFF",
    "primary_container": "#CFE5FF",
    "on_primary_container": "#001B3D",
    "secondary": "#526070",
    "on_secondary": "#FFFFFF",
    "secondary_container": "#D4E4F8",
    "on_secondary_container": "#111C2A",
    "tertiary": "#6B5776",
    "on_tertiary": "#FFFFFF",
    "tertiary_container": "#F2DAFF",
    "on_tertiary_container": "#26142F",
    "surface": "#F7FAFD",
    "on_surface": "#1A1C1E",
    "on_surface_variant": "#42474E",
    "surface_container_lowest": "#FFFFFF",
    "surface_container_low": "#F1F4F8",
    "surface_container": "#EBEEF2",
    "surface_container_high": "#E5E8EC",
    "surface_container_highest": "#E0E3E6",
    "outline": "#6F757C",
    "outline_variant": "#C1C7CF",
    "inverse_surface": "#2E3133",
    "on_inverse_surface": "#EEF1F5",
    "inverse_primary": "#9ECAFF",
    "surface_tint": "#0B5CAB",
    "error": "#B3261E",
    "on_error": "#FFFFFF",
    "error_container": "#F9DEDC",
    "on_error_container": "#410E0B",
    "shadow": "#000000",
    "scrim": "#000000",
}
DARK = {
    "primary": "#9ECAFF",
    "on_primary": "#003061",
    "primary_container": "#004689",
    "on_primary_container": "#CFE5FF",
    "secondary": "#B8C8DB",
    "on_secondary": "#253140",
    "secondary_container": "#3B4858",
    "on_secondary_container": "#D4E4F8",
    "tertiary": "#D6BEE2",
    "on_tertiary": "#3C2945",
    "tertiary_container": "#533F5D",
    "on_tertiary_container": "#F2DAFF",
    "surface": "#111316",
    "on_surface": "#E0E3E6",
    "on_surface_variant": "#C1C7CF",
    "surface_container_lowest": "#0C0E11",
    "surface_container_low": "#1A1C1E",
    "surface_container": "#1E2022",
    "surface_container_high": "#282A2D",
    "surface_container_highest": "#333538",
    "outline": "#8B9199",
    "outline_variant": "#42474E",
    "inverse_surface": "#E0E3E6",
    "on_inverse_surface": "#2E3133",
    "inverse_primary": "#105FAE",
    "surface_tint": "#9ECAFF",
    "error": "#F2B8B5",
    "on_error": "#601410",
    "error_container": "#8C1D18",
    "on_error_container": "#F9DEDC",
    "shadow": "#000000",
    "scrim": "#000000",
}
# The picture, as a PNG file: after a start from the snapshot there are no files to read it from.
LOGO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAPAAAADwCAMAAAAJixmgAAAA/1BMVEUKW6r+/v4AAAAOYrPa5/IEV6o1d7mVuNqtyOMKW6sKXKwAf38KW6tnmcrI"
    "2ux3pNAAAP9OicIKW6sKXKsAP78JWqojbLODrNTj7PW70ucAP39dkscA//8ATqREgr4Af/8MVpsAVf8Af7+hwN4FTZsAAH8HYq1Af72gv94AAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABCaRnLAAAAQHRSTlP//wD//wv///+IsgBt////AP9T0gQx/////wT/"
    "AP//ABMABP8MAA///wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAvYKz/AAAB9xJREFUeNrtnWeX2joQhlUs94aN6btsNuXm///CK5kSwAYMHtkqfj8k"
    "5+QsXj2ZopE0Mog8VzSPxF+sKoKwLJFSKsswKCp2McwnQs9+IGfiMYyzIkQpRcqpHhSnFtARy3sC7zb8jyoO1WS9pg7jig92s+sBvOP/a78KQYs0"
    "kGAufnFv3L0JnHNcFpd60J6Yy1iMOn8HWHwwQBrRHplRwOrBvwgcReSXhrhn5Ch6DZjnqlhP3Bq5LGqEzsD5nlShtrg1cliRfd4VmGlt3pNfx+2R"
    "3AI8J1+h5rgHI39xlA7Ac1KVBvCKSK5aiFEzXRXIGBXN1IUaxUZMzQGmMdnkj4DzHyQwiJcTB7dl1zWwabw18Y/7wHPjeGvi+T3guVHxexHH83Zg"
    "RgoDeTlxcVmBoAveChmq6oL4DJxHrDQVuGRR3gBmJKSmAtPwn4nRmTc2lrdOXOwaeG9uAJ/CeH8FzKKSmsxLy5xdApvt0FdOXQPvoj/IeLFodwZm"
    "BpaUbcuIE3BEGLJALI+OwDYY+GxiZI2BuYk5qgD+YYWBTwtFRHJbDCxMnHPguaGrwtZ14oYDRwavGlrWECiyx6PrtIW+ja8qr+rLb7S3xqMPPo1s"
    "8mjh08iaHH3M08iSquNceyCLQrgOYmRVCPMgRpVdwBWyKWeJrIUCu4ADFNoFHKLSqhCmpWXAtuFOmjRp0qRJkyZNMqVyd2dJtvSEsmz76RoN6yY/"
    "U3wjx1/OFkZadvvTwfeULk2z9MzHT5Rm5tiZZg7uIv/TDNwl7qz1zADr4pe01jyYtw5+VZ7Gsbzw8TtKdOVN8Jvy9dw19vDbWmmYrxcp7qNMuypy"
    "hfvJ06yywr3lW8arFTEIr0bE/2FsFbGLwaRF5qIOHLAWRZePIaX+WiID5cUrak8A65G4HGhgvFWadwnOq7ZTu1iCPGsytPqZ+lMKL14rC7yWA4xV"
    "3cucSeJV1sS+LGBFo9iVxqto9eHJA8Yq7lXTlUTgzKaUVZ8tKgj8UyawgmlLqker6NOfUnl5nlZtDbGUC4zRh1oOLa2sPPt0cmj9WWZbVwFjf6AV"
    "HlCOn4yZxRafibfGQ2ukzh8681I8ltbbwWl9PK6cZMB4pssVHl/OUFZeeFgR+YPEcoIVkvwyzE2xUpLdBZNg1eTIdGvqYwUlb6Nv4WAlJetk1V1h"
    "bBOxi9XVzDJeGdsii+H82fe8l5Mj/EHjYPnKo29Vc9D714NVk8lxe+Pj1QYK2JprOxTv9oO+e3wDGcaLMeaXV7Mk5Aa2PwIvQmmvTyt7stASv2/m"
    "DUe3DH3D+/qBBlTeGmiFlN1uP7+8EHW0MnAGUNptNZqSMohMCdMgMci+87Kxv/9W5ybEXOyOw5sA+cnrygbg9YB4QYqPdATe9yeGhQ4eDcgLkKe3"
    "I/BuIR823LowTd8cYp9KNh0rhOujLjp7/mkfuHLvu/NB39yl6eog0Ly9Z+L3cpbTNSTAeXvvX856/1bvJd7eHUF9F8VJTwM/JG6Wvv2v8mVj1Fl+"
    "t0S/ljHpL8fowfI6TW2plCLHG2Ma9rs8RQ7vOMDNybD5mJTKKWJHcWmcfdAnxC28MGc5oyQtjD+fuEqTF+rsapRpqbXg8R7zQm2cjVN4PCF25PGO"
    "VFo+Jm7yAl4tH2nx8IjYWUjk7b81nUITS+UFOCb2MCzxqskLuWvW/0BtC5tBmp3OoLwAG9Ou7N8PygtxupTKJYbdBYa4Up5J9THgcxwVjlrcAXlh"
    "zkvX8oihWylgTsRn0vwMvHUEqDvNkUQMzruE4QVoeXCHaQ0Cu1vtyCCG54UyMEjbUoP4LzgvXNcSiDVc6b2bkD3TEK2HrmRe2HbaBISYSuR1EKwg"
    "huh+SOxFBm+Jhyjys9rEroxWVfhrHiDbqCvfk3MFd4ngpfIlDzkvGvu0jFddGy+RLLlKXsWTeaNWwcuWK8nvVMsU411Lf/uUWhemB3lPT6LMJVN/"
    "oJeLqfGOh0G/0Kbrl+xI1N+BX9Yy7otL0mSMN+XRrTeGncd9+9Bilnj+OnWGULr2vWzmWvUV4JMmTZo0adKkSZMmTRpPpW24dgHTEoVWrS9piAK7"
    "gANU2AVcoMqupFUhZhcwQ8SmrEVDgohNWYsGHNimrEULDmxVEP8haG9REPMQZuibxPYAx+QbRTb5NCMRIpE1Pi08mietuTV5mufoDQfO7fFpxmER"
    "4Sa2o/bgVcecCGBr0hZPWTUwj2QbTMwNzMgBOMqtMDHLoyOwFSY+GvgAvIssMDGLdmdgzm56fcmrytrAR2DC8tJoYlrmB94T8J4YvrdVccRLYMOd"
    "+uzQ/4B5lWnuGoKvGjbkFvi3yZMxy383gLnNK3MDmJEmsLHrRL4qnJM2YP7PJiYunrAueK+AjVwoHhaFd4ANLKpPJfQd4Nw0YsGbPwAWxCbFsSg4"
    "rnlvgUUBUpgDXPwrOO4C8xCvzFhI0LK6zld3gPkPfZlQZdLwq4W3DViktRhpjkxRTG7y831gsotIpbeRaViRww5HJ2CRunQ2cm3eTTvZHWASReQr"
    "0BOZouBLjP814DoAmIbIHJe1R+8zYFGEEBaXVCNmSstYjDon7wBzvxYfLkKkBzMfZViIEUePmB4C83wtQp/FgpmqDctphXHJZveY6AmwcGzxGFYE"
    "IVKTuh5UGBT1MB85c0dgYeZ5nQNYFQdhqVi7cVmGQVwdxjffdYD5H9Nxf91Im92cAAAAAElFTkSuQmCC"
)
