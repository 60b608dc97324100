"use strict";
const form = document.getElementById("passkey");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const trouble = document.getElementById("trouble");
  trouble.hidden = true;
  try {
    const said = JSON.parse(form.dataset.options);
    const makes = form.dataset.ceremony === "create";
    const publicKey = makes
      ? PublicKeyCredential.parseCreationOptionsFromJSON(said)
      : PublicKeyCredential.parseRequestOptionsFromJSON(said);
    const given = await navigator.credentials[makes ? "create" : "get"]({ publicKey });
    form.elements.credential.value = JSON.stringify(given.toJSON());
    form.submit();
  } catch (problem) {
    trouble.textContent = `The browser gave no passkey (${problem.name}).`;
    trouble.hidden = false;
  }
});
form.querySelector("button").disabled = false;
