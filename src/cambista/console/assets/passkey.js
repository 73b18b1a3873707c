// Lets a browser's passkey fill the form beside it: what is to be signed comes with the page, the answer goes with the form.
for (const form of document.querySelectorAll("form.passkey")) {
  form.addEventListener("submit", async (event) => {
    if (form.credential.value) return;
    event.preventDefault();
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(form.dataset.options));
      const shown = await navigator.credentials.get({ publicKey });
      form.credential.value = JSON.stringify(shown.toJSON());
      form.submit();
    } catch {
      form.classList.add("failed");
    }
  });
}
