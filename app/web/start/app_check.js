// Proves by reCAPTCHA that a call comes from this page, with Firebase's own SDK; loaded only where the backend asks for it.
import { initializeApp } from "@firebase/app";
import { getLimitedUseToken, getToken, initializeAppCheck, ReCaptchaEnterpriseProvider } from "@firebase/app-check";

let known, appCheck;

/** An App Check token, "" when there is none to be had. `once`: for a single call, such as a sign-in. `fresh`: not the last one again. */
export async function attest({ projectId, appId, apiKey, siteKey }, { once, fresh }) {
  try {
    if (known !== siteKey + appId) { // an operator may change the key while the page is open
      const app = initializeApp({ projectId, appId, apiKey }, siteKey + appId);
      appCheck = initializeAppCheck(app, { provider: new ReCaptchaEnterpriseProvider(siteKey), isTokenAutoRefreshEnabled: false });
      known = siteKey + appId;
    }
    return (await (once ? getLimitedUseToken(appCheck) : getToken(appCheck, fresh))).token;
  } catch (error) {
    console.info(`App Check: ${error?.code ?? "failed"}`); // the message may hold more than a log should
    return "";
  }
}
