"""The files that a new model or task begins with, inside this project or in a plug-in package."""
