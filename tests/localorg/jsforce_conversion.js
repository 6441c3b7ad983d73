// jsforce converts leads by its own SOAP call. Reads {url, token, leads} and writes what it saw.
const jsforce = require("jsforce");
const { readFileSync } = require("node:fs");

async function main() {
  const { url, token, leads } = JSON.parse(readFileSync(0, "utf8"));
  const connection = new jsforce.Connection({ instanceUrl: url, accessToken: token, version: "66.0" });
  const wanted = (leadId) => ({
    leadId,
    convertedStatus: "Closed - Converted",
    doNotCreateOpportunity: true,
    overwriteLeadSource: false,
    sendNotificationEmail: false,
  });
  const one = await connection.soap.convertLead(wanted(leads[0]));
  const both = await connection.soap.convertLead(leads.map(wanted));
  const stranger = new jsforce.Connection({ instanceUrl: url, accessToken: "none", version: "66.0" });
  const refused = await stranger.soap.convertLead(wanted(leads[1])).then(() => "", (error) => error.errorCode);
  const [{ errors }] = both;
  return {
    success: one.success && one.leadId === leads[0] && one.contactId.startsWith("003"),
    opportunity: one.opportunityId ?? null,
    again: (Array.isArray(errors) ? errors[0] : errors).statusCode,
    both: both.map((result) => result.success),
    refused,
  };
}

main().then((saw) => process.stdout.write(JSON.stringify(saw)));
