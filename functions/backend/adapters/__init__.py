"""One module for each thing outside: Salesforce, Firestore, Firebase Authentication, the cipher."""
