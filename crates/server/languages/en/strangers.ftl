# Pages for people without a session: why a device may not come in, how to enrol it.

why-title = Access
why-open = Your device may come in
why-open-lead = Nothing keeps it outside now. Go back to the application and try again.
why-closed = Your device may not come in now
why-by = Decided by { $organisation } with Moat.
why-help = Get help
why-expired = This link is not valid any more
why-expired-lead = Open the application again: when it is still closed, it shows you a new link.

enrol-here = Enrol this device
enrol-here-lead = You got this link to protect a device with Moat. On the device, run these two commands with the whole link and the CA certificate that your administrator gave you:
enrol-here-link = LINK
enrol-here-bounds = The link works for a limited time and a limited number of devices. Nothing was sent by opening this page.
