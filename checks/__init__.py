"""The rules on the data: contracts that state them, what runs them, what they find, and the gates they hold."""
