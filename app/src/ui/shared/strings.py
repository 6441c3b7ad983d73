"""Every word that the app itself says, in one place; written for people who sell."""

APP = "Salesforce Sample"
TAGLINE = "Your accounts, wherever you are"
SIGN_IN = "Sign in with Salesforce"
SIGN_IN_AT = "Sign in at"
SIGN_IN_PROMISE = "You sign in on Salesforce's own page. This app never sees your password."
MY_DOMAIN = "Your company's Salesforce address"
MY_DOMAIN_HINT = "for example acme.my.salesforce.com"
SIGNING_IN = "Signing you in …"
LOADING = "Loading …"
HOME = "Home"
ACCOUNTS = "Accounts"
PROFILE = "Profile"
TRY_AGAIN = "Try again"
SIGN_OUT = "Sign out"
SIGN_OUT_EVERYWHERE = "Sign out on all devices"
STAYING = "Staying signed in"
STAY_SIGNED_IN = "Keep me signed in while I'm away"
STAY_SIGNED_IN_HINT = "Otherwise Salesforce signs you out after a month without this app."
ERASE = "Erase my data"
ERASE_TITLE = "Erase your data from this app?"
ERASE_TEXT = "This app forgets you and loses its access to your Salesforce. Nothing in Salesforce itself is changed."
ERASE_YES = "Erase"
PIPELINE = "Open pipeline"
PIPELINE_EMPTY = "No open deals right now."
NEWEST = "Newest accounts"
SEARCH_ACCOUNTS = "Search by name or city"
NO_ACCOUNTS = "No accounts match your search."
END_OF_LIST = "That's all."
CONTACTS = "Contacts"
DEALS = "Opportunities"
NO_CONTACTS = "No contacts yet."
NO_DEALS = "No opportunities yet."
DETAILS = "Details"
EDIT = "Edit"
SAVE = "Save"
CANCEL = "Cancel"
SAVED = "Saved."
NOTHING_CHANGED = "Nothing was changed."
NOT_A_NUMBER = "Please enter a number."
REQUIRED = "This cannot be empty."
CONFLICT_TITLE = "Someone else changed this account"
CONFLICT_TEXT = "While you were editing, these fields were saved with other values:"
CONFLICT_KEEP_MINE = "Save mine"
CONFLICT_TAKE_THEIRS = "Keep theirs"
BACK = "Back"


def greeting(name: str, hour: int) -> str:
    """A greeting for the time of day."""
    part = "Good morning" if 5 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"
    return f"{part}, {name}" if name else part


def deals(count: int) -> str:
    return "1 deal" if count == 1 else f"{count} deals"


def devices(count: int, since: str) -> str:
    """`since` is a day as people write it."""
    where = "on this device" if count == 1 else f"on {count} devices"
    return f"Signed in {where}, last on {since}."


def erased(receipt: str, confirmed: bool) -> str:
    """What the sign-in page says after an erasure."""
    told = "This app has erased your data and given up its access to your Salesforce."
    if not confirmed:
        told = "This app has erased your data. Salesforce did not answer: remove the app under Settings › Connections in Salesforce too."
    return f"{told} Receipt: {receipt[:12]}" if receipt else told
