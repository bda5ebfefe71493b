"""Context sources elsewhere: which of them a request concerns, what each is asked, and how answers become one view
(ETSI GS CIM 009, 4.3.6, 4.5.5, 4.20, 5.2.9, 5.12). Pure, but for the book of registrations."""
