// The function that a Node developer would write today, by the documentation of firebase-functions, firebase-admin and jsforce.
const { initializeApp } = require("firebase-admin/app");
const { getFirestore } = require("firebase-admin/firestore");
const { onCall, HttpsError } = require("firebase-functions/v2/https");
const jsforce = require("jsforce");

initializeApp();
const db = getFirestore();
const oauth2 = new jsforce.OAuth2({
  clientId: process.env.SALESFORCE_CONSUMER_KEY,
  clientSecret: process.env.SALESFORCE_CONSUMER_SECRET,
  loginUrl: process.env.SALESFORCE_LOGIN_URL,
});

exports.listAccounts = onCall(async (request) => {
  if (!request.auth) throw new HttpsError("unauthenticated", "Sign in first.");
  const tokens = db.collection("peerTokens").doc(request.auth.uid);
  const kept = (await tokens.get()).data();
  if (!kept) throw new HttpsError("failed-precondition", "Connect Salesforce first.");
  const conn = new jsforce.Connection({
    oauth2,
    version: "66.0",
    instanceUrl: kept.instanceUrl,
    accessToken: kept.accessToken,
    refreshToken: kept.refreshToken,
  });
  conn.on("refresh", (accessToken) => tokens.update({ accessToken }));
  const revenue = Number(request.data.revenue);
  const found = await conn.query(
    "SELECT Id, Name, Industry, Type, BillingCity, BillingCountry, Phone, SystemModstamp FROM Account " +
      `WHERE AnnualRevenue > ${revenue} ORDER BY Name LIMIT 25`,
  );
  return { records: found.records };
});
