"use strict";
const again = async () => {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store", redirect: "manual" });
    if (answer.headers.get("X-Devmedia") !== "app-down") {
      location.reload();
      return;
    }
  } catch {
    // devmedia itself is not reachable at the moment
  }
  setTimeout(again, 1000);
};
setTimeout(again, 1000);
