"""Countries and states as State and Country/Territory Picklists know them: each has a code and a name, which is its
label and its integration value.

An org comes with all countries of ISO 3166 and with the states of some of them; here of seven of its ten. Sources:
Salesforce Help, "State and Country/Territory Picklists", "Integration Values for State and Country/Territory
Picklists"; the names are those of the Unicode CLDR.
"""

from collections.abc import Mapping


def _read(text: str) -> Mapping[str, str]:
    """Codes and names from a text such as `DE Germany; FR France`."""
    pairs = (one.strip().partition(" ") for one in " ".join(text.split()).split(";"))
    return {code: name for code, _, name in pairs}


COUNTRIES = _read("""
    AF Afghanistan; AL Albania; DZ Algeria; AD Andorra; AO Angola; AI Anguilla; AQ Antarctica; AG Antigua and Barbuda;
    AR Argentina; AM Armenia; AW Aruba; AU Australia; AT Austria; AZ Azerbaijan; BS Bahamas; BH Bahrain; BD
    Bangladesh; BB Barbados; BY Belarus; BE Belgium; BZ Belize; BJ Benin; BM Bermuda; BT Bhutan; BO Bolivia; BA Bosnia
    and Herzegovina; BW Botswana; BV Bouvet Island; BR Brazil; IO British Indian Ocean Territory; VG British Virgin
    Islands; BN Brunei; BG Bulgaria; BF Burkina Faso; BI Burundi; KH Cambodia; CM Cameroon; CA Canada; CV Cape Verde;
    BQ Caribbean Netherlands; KY Cayman Islands; CF Central African Republic; TD Chad; CL Chile; CN China; CX
    Christmas Island; CC Cocos (Keeling) Islands; CO Colombia; KM Comoros; CG Congo - Brazzaville; CD Congo -
    Kinshasa; CK Cook Islands; CR Costa Rica; HR Croatia; CU Cuba; CW Curaçao; CY Cyprus; CZ Czechia; CI Côte
    d'Ivoire; DK Denmark; DJ Djibouti; DM Dominica; DO Dominican Republic; EC Ecuador; EG Egypt; SV El Salvador; GQ
    Equatorial Guinea; ER Eritrea; EE Estonia; SZ Eswatini; ET Ethiopia; FK Falkland Islands; FO Faroe Islands; FJ
    Fiji; FI Finland; FR France; GF French Guiana; PF French Polynesia; TF French Southern Territories; GA Gabon; GM
    Gambia; GE Georgia; DE Germany; GH Ghana; GI Gibraltar; GR Greece; GL Greenland; GD Grenada; GP Guadeloupe; GT
    Guatemala; GG Guernsey; GN Guinea; GW Guinea-Bissau; GY Guyana; HT Haiti; HM Heard and McDonald Islands; HN
    Honduras; HK Hong Kong SAR China; HU Hungary; IS Iceland; IN India; ID Indonesia; IR Iran; IQ Iraq; IE Ireland; IM
    Isle of Man; IL Israel; IT Italy; JM Jamaica; JP Japan; JE Jersey; JO Jordan; KZ Kazakhstan; KE Kenya; KI
    Kiribati; KW Kuwait; KG Kyrgyzstan; LA Laos; LV Latvia; LB Lebanon; LS Lesotho; LR Liberia; LY Libya; LI
    Liechtenstein; LT Lithuania; LU Luxembourg; MO Macao SAR China; MG Madagascar; MW Malawi; MY Malaysia; MV
    Maldives; ML Mali; MT Malta; MQ Martinique; MR Mauritania; MU Mauritius; YT Mayotte; MX Mexico; MD Moldova; MC
    Monaco; MN Mongolia; ME Montenegro; MS Montserrat; MA Morocco; MZ Mozambique; MM Myanmar (Burma); NA Namibia; NR
    Nauru; NP Nepal; NL Netherlands; NC New Caledonia; NZ New Zealand; NI Nicaragua; NE Niger; NG Nigeria; NU Niue; NF
    Norfolk Island; KP North Korea; MK North Macedonia; NO Norway; OM Oman; PK Pakistan; PS Palestinian Territories;
    PA Panama; PG Papua New Guinea; PY Paraguay; PE Peru; PH Philippines; PN Pitcairn Islands; PL Poland; PT Portugal;
    QA Qatar; RO Romania; RU Russia; RW Rwanda; RE Réunion; WS Samoa; SM San Marino; SA Saudi Arabia; SN Senegal; RS
    Serbia; SC Seychelles; SL Sierra Leone; SG Singapore; SX Sint Maarten; SK Slovakia; SI Slovenia; SB Solomon
    Islands; SO Somalia; ZA South Africa; GS South Georgia and South Sandwich Islands; KR South Korea; SS South Sudan;
    ES Spain; LK Sri Lanka; BL St. Barthélemy; SH St. Helena; KN St. Kitts and Nevis; LC St. Lucia; MF St. Martin; PM
    St. Pierre and Miquelon; VC St. Vincent and Grenadines; SD Sudan; SR Suriname; SJ Svalbard and Jan Mayen; SE
    Sweden; CH Switzerland; SY Syria; ST São Tomé and Príncipe; TW Taiwan; TJ Tajikistan; TZ Tanzania; TH Thailand; TL
    Timor-Leste; TG Togo; TK Tokelau; TO Tonga; TT Trinidad and Tobago; TN Tunisia; TM Turkmenistan; TC Turks and
    Caicos Islands; TV Tuvalu; TR Türkiye; UG Uganda; UA Ukraine; AE United Arab Emirates; GB United Kingdom; US
    United States; UY Uruguay; UZ Uzbekistan; VU Vanuatu; VA Vatican City; VE Venezuela; VN Vietnam; WF Wallis and
    Futuna; EH Western Sahara; YE Yemen; ZM Zambia; ZW Zimbabwe; AX Åland Islands
""")
STATES: Mapping[str, Mapping[str, str]] = {
    "AU": _read("""
        ACT Australian Capital Territory; NSW New South Wales; NT Northern Territory; QLD Queensland; SA South
        Australia; TAS Tasmania; VIC Victoria; WA Western Australia
    """),
    "BR": _read("""
        AC Acre; AL Alagoas; AP Amapá; AM Amazonas; BA Bahia; CE Ceará; DF Distrito Federal; ES Espírito Santo; GO
        Goiás; MA Maranhão; MT Mato Grosso; MS Mato Grosso do Sul; MG Minas Gerais; PA Pará; PB Paraíba; PR Paraná; PE
        Pernambuco; PI Piauí; RJ Rio de Janeiro; RN Rio Grande do Norte; RS Rio Grande do Sul; RO Rondônia; RR
        Roraima; SC Santa Catarina; SP São Paulo; SE Sergipe; TO Tocantins
    """),
    "CA": _read("""
        AB Alberta; BC British Columbia; MB Manitoba; NB New Brunswick; NL Newfoundland and Labrador; NT Northwest
        Territories; NS Nova Scotia; NU Nunavut; ON Ontario; PE Prince Edward Island; QC Quebec; SK Saskatchewan; YT
        Yukon Territories
    """),
    "IN": _read("""
        AN Andaman and Nicobar Islands; AP Andhra Pradesh; AR Arunachal Pradesh; AS Assam; BR Bihar; CH Chandigarh; CT
        Chhattisgarh; DL Delhi; GA Goa; GJ Gujarat; HR Haryana; HP Himachal Pradesh; JK Jammu and Kashmir; JH
        Jharkhand; KA Karnataka; KL Kerala; LD Lakshadweep; MP Madhya Pradesh; MH Maharashtra; MN Manipur; ML
        Meghalaya; MZ Mizoram; NL Nagaland; OR Odisha; PY Puducherry; PB Punjab; RJ Rajasthan; SK Sikkim; TN Tamil
        Nadu; TG Telangana; TR Tripura; UP Uttar Pradesh; UT Uttarakhand; WB West Bengal
    """),
    "JP": _read("""
        23 Aichi; 05 Akita; 02 Aomori; 12 Chiba; 38 Ehime; 18 Fukui; 40 Fukuoka; 07 Fukushima; 21 Gifu; 10 Gunma; 34
        Hiroshima; 01 Hokkaido; 28 Hyogo; 08 Ibaraki; 17 Ishikawa; 03 Iwate; 37 Kagawa; 46 Kagoshima; 14 Kanagawa; 39
        Kochi; 43 Kumamoto; 26 Kyoto; 24 Mie; 04 Miyagi; 45 Miyazaki; 20 Nagano; 42 Nagasaki; 29 Nara; 15 Niigata; 44
        Oita; 33 Okayama; 47 Okinawa; 27 Osaka; 41 Saga; 11 Saitama; 25 Shiga; 32 Shimane; 22 Shizuoka; 09 Tochigi; 36
        Tokushima; 13 Tokyo; 31 Tottori; 16 Toyama; 30 Wakayama; 06 Yamagata; 35 Yamaguchi; 19 Yamanashi
    """),
    "MX": _read("""
        AG Aguascalientes; BC Baja California; BS Baja California Sur; CM Campeche; CS Chiapas; CH Chihuahua; CO
        Coahuila; CL Colima; DG Durango; DF Mexico City; GT Guanajuato; GR Guerrero; HG Hidalgo; JA Jalisco; ME Mexico
        State; MI Michoacán; MO Morelos; NA Nayarit; NL Nuevo León; OA Oaxaca; PB Puebla; QE Querétaro; QR Quintana
        Roo; SL San Luis Potosí; SI Sinaloa; SO Sonora; TB Tabasco; TM Tamaulipas; TL Tlaxcala; VE Veracruz; YU
        Yucatán; ZA Zacatecas
    """),
    "US": _read("""
        AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut; DE Delaware; DC
        District of Columbia; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana; IA Iowa; KS
        Kansas; KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan; MN Minnesota; MS
        Mississippi; MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire; NJ New Jersey; NM New Mexico;
        NY New York; NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania; RI Rhode
        Island; SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VT Vermont; VA Virginia; WA
        Washington; WV West Virginia; WI Wisconsin; WY Wyoming
    """),
}  # fmt: skip


def coded(names: Mapping[str, str], code: object) -> str | None:
    """The code as it is written in `names`, from one in any case; None when there is none."""
    wanted = str(code).strip().upper()
    return wanted if wanted in names else None


def named(names: Mapping[str, str], name: object) -> str | None:
    """The code of a name in `names`, in any case; None when there is none."""
    wanted = str(name).strip().casefold()
    return next((code for code, one in names.items() if one.casefold() == wanted), None)
