# Reporting a site.

report-lead = Tell { $organisation } about a site that looks dangerous, or one that was blocked by mistake.
report-not-now = Moat does not run on this device, so nothing can be reported now.
url = Address of the site
url-hint = Such as shop.example or https://shop.example/login
url-missing = Enter the address of the site.
url-wrong = This is no address of a site. It looks like shop.example or https://shop.example/login.
too-long = This is too long: 2,048 characters are the most.
kind = What is it about?
kind-unsafe = The site looks dangerous
kind-mistake = The site was blocked by mistake
comment = What did you notice? (optional)
send = Send report
thanks = Thank you. Your report is on its way.
reports = Your reports
reports-none = You have not reported anything yet.
reports-answers = When { $organisation } answers, its message stands under My device.
report-sent = Sent: { $time }
report-waits = Waits for a connection to the server
